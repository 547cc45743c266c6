"""This room's part of the API, below /api/v1/."""

from django.urls import path

from evaluation.api import campaigns, rating, scorecards

urlpatterns = [
    path("projects/<slug:slug>/scorecards/", scorecards.Scorecards.as_view()),
    path("projects/<slug:slug>/release-rules/", scorecards.RulesList.as_view()),
    path("projects/<slug:slug>/campaigns/", campaigns.Campaigns.as_view()),
    path("scorecards/<int:pk>/", scorecards.ScorecardView.as_view()),
    path("scorecards/<int:pk>/export/", scorecards.ScorecardExport.as_view()),
    path("scorecards/<int:pk>/rescore/", scorecards.ScorecardRescore.as_view()),
    path("campaigns/<int:pk>/items/next/", rating.NextItem.as_view()),
    path("campaigns/<int:pk>/raters/", campaigns.CampaignRaters.as_view()),
    path("campaigns/<int:pk>/close/", campaigns.CampaignClose.as_view()),
    path("campaigns/<int:pk>/results/", campaigns.CampaignResults.as_view()),
    path("campaigns/<int:pk>/agreement/", campaigns.CampaignAgreement.as_view()),
    path("items/<uuid:pk>/ratings/", rating.ItemRatings.as_view()),
    path("items/<uuid:pk>/release/", rating.ItemRelease.as_view()),
    path("items/<uuid:pk>/draft/", rating.ItemDraft.as_view()),
]
